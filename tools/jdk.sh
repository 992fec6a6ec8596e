# shellcheck shell=sh
# Finds the JDK and the Maven that ./awq4j and ./verify use. Sourced; defines functions, runs nothing.

JDK_WANTED=25
MAVEN_WANTED=3.8.6

# Prints the major version of the JDK in folder $1; fails if that is no JDK. A JRE has no javac and does not count.
jdk_major() {
    [ -x "$1/bin/java" ] && [ -x "$1/bin/javac" ] || return 1
    jdk_version=
    if [ -r "$1/release" ]; then
        while IFS='=' read -r jdk_key jdk_value; do
            if [ "$jdk_key" = JAVA_VERSION ]; then
                jdk_version=${jdk_value#\"}
            fi
        done <"$1/release"
    else
        jdk_version=$("$1/bin/java" -version 2>&1) || return 1
        jdk_version=${jdk_version#*\"}
    fi
    jdk_version=${jdk_version%%[!0-9]*}
    [ -n "$jdk_version" ] && printf '%s' "$jdk_version"
}

# Prints one line that differs between any two JDKs.
jdk_identity() {
    printf '%s' "$JAVA_HOME"
    if [ -r "$JAVA_HOME/release" ]; then
        while read -r jdk_line; do
            case $jdk_line in
                IMPLEMENTOR=* | JAVA_RUNTIME_VERSION=* | OS_ARCH=* | SOURCE=*) printf ' %s' "$jdk_line" ;;
            esac
        done <"$JAVA_HOME/release"
    fi
    echo
}

# Whether folder $1 holds a JDK that will do.
jdk_fits() {
    jdk_found=$(jdk_major "$1") && [ "$jdk_found" -ge "$JDK_WANTED" ]
}

# Prints $1 with every symbolic link followed.
resolved() {
    resolved_path=$1
    while [ -L "$resolved_path" ]; do
        resolved_target=$(readlink "$resolved_path") || break
        case $resolved_target in
            /*) resolved_path=$resolved_target ;;
            *) resolved_path=${resolved_path%/*}/$resolved_target ;;
        esac
    done
    printf '%s' "$resolved_path"
}

# Prints the folder of the JDK whose java is first on the PATH; nothing on macOS, where that is a stub.
jdk_on_path() {
    jdk_java=$(command -v java) || return 0
    jdk_java=$(resolved "$jdk_java")
    case $jdk_java in
        /usr/bin/java) ;;
        */bin/java) printf '%s' "${jdk_java%/bin/java}" ;;
    esac
}

# Prints the best JDK of the usual folders: the oldest that fits, since that is the one most tried with.
jdk_installed() {
    jdk_best=
    jdk_best_major=
    for jdk_home in \
        /usr/lib/jvm/* /usr/lib64/jvm/* /usr/java/* /opt/* /opt/java/* /usr/local/openjdk-* \
        "$HOME"/.sdkman/candidates/java/* "$HOME"/.jdks/* \
        "$HOME"/.asdf/installs/java/* "$HOME"/.local/share/mise/installs/java/* \
        /Library/Java/JavaVirtualMachines/*/Contents/Home "$HOME"/Library/Java/JavaVirtualMachines/*/Contents/Home \
        /opt/homebrew/opt/openjdk*/libexec/openjdk.jdk/Contents/Home \
        /usr/local/opt/openjdk*/libexec/openjdk.jdk/Contents/Home \
        /home/linuxbrew/.linuxbrew/opt/openjdk*/libexec; do
        if jdk_fits "$jdk_home" && { [ -z "$jdk_best" ] || [ "$jdk_found" -lt "$jdk_best_major" ]; }; then
            jdk_best=$jdk_home
            jdk_best_major=$jdk_found
        fi
    done
    if [ -z "$jdk_best" ] && [ -x /usr/libexec/java_home ]; then
        jdk_best=$(/usr/libexec/java_home -v "$JDK_WANTED+" 2>/dev/null) || jdk_best=
    fi
    printf '%s' "$jdk_best"
}

# Exports JAVA_HOME, a JDK that will do, and JDK_MAJOR, its version; or says how to get one and fails.
find_jdk() {
    HOME=${HOME:-/}
    if [ -n "${AWQ4J_JAVA_HOME:-}" ]; then
        if ! jdk_fits "$AWQ4J_JAVA_HOME"; then # a choice is kept or refused, never replaced
            printf 'awq4j: AWQ4J_JAVA_HOME is %s, expected a JDK %s or newer, found %s\n' \
                "$AWQ4J_JAVA_HOME" "$JDK_WANTED" "$(jdk_described "$AWQ4J_JAVA_HOME")" >&2
            return 1
        fi
        JAVA_HOME=$AWQ4J_JAVA_HOME
    elif [ -z "${JAVA_HOME:-}" ] || ! jdk_fits "$JAVA_HOME"; then
        jdk_home=$(jdk_on_path)
        if [ -z "$jdk_home" ] || ! jdk_fits "$jdk_home"; then
            jdk_home=$(jdk_installed)
        fi
        if [ -z "$jdk_home" ]; then
            jdk_missing
            return 1
        fi
        JAVA_HOME=$jdk_home
    fi
    JDK_MAJOR=$(jdk_major "$JAVA_HOME")
    export JAVA_HOME JDK_MAJOR
}

# Prints what folder $1 is, as far as a JDK is concerned.
jdk_described() {
    if jdk_described_major=$(jdk_major "$1"); then
        printf 'JDK %s' "$jdk_described_major"
    elif [ -x "$1/bin/java" ]; then
        printf 'a Java without a compiler'
    elif [ -d "$1" ]; then
        printf 'a folder without bin/java'
    else
        printf 'no such folder'
    fi
}

jdk_missing() {
    jdk_seen=
    if [ -n "${JAVA_HOME:-}" ]; then
        jdk_seen=" JAVA_HOME is $JAVA_HOME ($(jdk_described "$JAVA_HOME"))."
    fi
    cat >&2 <<MESSAGE
awq4j: needs a JDK $JDK_WANTED or newer and finds none.$jdk_seen
  Linux:   the package temurin-25-jdk (https://adoptium.net/installation/linux) or openjdk-25-jdk
  macOS:   brew install openjdk@25
  both:    sdk install java 25-tem (https://sdkman.io)
  or:      unpack any JDK $JDK_WANTED and set AWQ4J_JAVA_HOME to its folder
MESSAGE
}

# Sets MAVEN to a Maven that will do, or says how to get one and fails. Needs JAVA_HOME.
find_maven() {
    MAVEN=
    maven_seen=
    for maven in "${MAVEN_HOME:-}/bin/mvn" "$(command -v mvn)" "$HOME/.sdkman/candidates/maven/current/bin/mvn" \
        /opt/homebrew/bin/mvn /usr/local/bin/mvn /usr/share/maven/bin/mvn /opt/*maven*/bin/mvn; do
        [ -x "$maven" ] || continue
        maven_version=$("$maven" -v 2>/dev/null) || continue
        maven_version=${maven_version#*Apache Maven }
        maven_version=${maven_version%%[!0-9.]*}
        if version_at_least "$maven_version" "$MAVEN_WANTED"; then
            export MAVEN="$maven"
            return 0
        fi
        maven_seen=" $maven is $maven_version."
    done
    cat >&2 <<MESSAGE
awq4j: needs Maven $MAVEN_WANTED or newer to build and finds none.$maven_seen
  Linux:   apt-get install maven, dnf install maven, or pacman -S maven
  macOS:   brew install maven
  both:    sdk install maven (https://sdkman.io), or unpack https://maven.apache.org/download.cgi and set MAVEN_HOME
MESSAGE
    return 1
}

# Whether version $1 (such as 3.9.16) is $2 or newer.
version_at_least() {
    version_have=$1.0.0
    version_want=$2.0.0
    for version_place in 1 2 3; do
        version_a=${version_have%%.*}
        version_b=${version_want%%.*}
        [ "${version_a:-0}" -eq "${version_b:-0}" ] || break
        version_have=${version_have#*.}
        version_want=${version_want#*.}
    done
    : "$version_place"
    [ "${version_a:-0}" -ge "${version_b:-0}" ]
}

# Holds the lock on the build until this process and its children have closed descriptor 9. Needs ROOT.
lock_build() {
    mkdir -p "$ROOT/.awq4j" || return 1
    exec 9>>"$ROOT/.awq4j/lock"
    if ! lock_now -n; then
        printf 'awq4j: waiting for another build of %s to end\n' "$ROOT" >&2
        lock_now
    fi
}

# The lock belongs to the open file, so the system frees it however its holder ends. macOS has no flock, but Perl.
lock_now() {
    if command -v flock >/dev/null; then
        flock ${1+"$1"} 9
    elif command -v perl >/dev/null; then
        perl -e 'use Fcntl ":flock"; open(my $lock, ">>&=", 9) or exit 1; exit(flock($lock, LOCK_EX | (@ARGV ? LOCK_NB : 0)) ? 0 : 1)' ${1+"$1"}
    fi
}
