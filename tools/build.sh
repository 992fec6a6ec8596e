# shellcheck shell=sh
# Builds the program for ./awq4j, which sources this and has set ROOT, STATE and JAVA_HOME.

# Builds, and makes the start-up cache, as far as either is missing or old. Fails with the exit code to end with.
build_what_is_old() {
    lock_build || return 1
    trap 'exit 130' INT
    trap 'exit 143' TERM
    draft=
    trap 'end_progress; rm -rf "$draft"' EXIT
    if ! built; then # else another launch has built it while this one waited
        find_maven || return 1
        build || return
    fi
    warm || warm_up
    end_progress
    trap - INT TERM EXIT
    exec 9>&- # the program itself does not hold the lock
}

# Compiles and lays out a new folder, and only then makes it the current one.
build() {
    name=$(date +%Y%m%dT%H%M%S)-$$
    draft=$STATE/app/$name
    log=$STATE/build.log
    mkdir -p "$draft" || return 1
    : >"$draft/stamp" # before reading the sources: what changes from now on is newer
    begin_progress "$log"
    commit=$(git -C "$ROOT" rev-parse --short HEAD 2>/dev/null)
    if ! (cd "$ROOT" && run_maven -Pquick -Dawq4j.commit="${commit:-unknown}" -DskipTests -pl cli -am package) \
        >"$log" 2>&1; then
        end_progress
        build_failed "$log"
        return 1
    fi
    cp "$ROOT"/cli/target/awq4j-cli-*.jar "$draft/awq4j.jar" && cp -R "$ROOT/cli/target/lib" "$draft/lib" || return 1
    "$JAVA_HOME/bin/java" "$ROOT/tools/StackMaps.java" "$draft"/lib/picocli-*.jar >>"$log" 2>&1
    printf '%s\n' "$name" >"$STATE/current.draft" && mv "$STATE/current.draft" "$STATE/current" || return 1
    draft=
    forget_old_builds "$name"
    APP=$STATE/app/$name # good for this launch, even if a source has changed in the meantime
}

# Maven with plain output and no questions. A repository of its own where the usual one cannot be written to.
run_maven() {
    if [ -z "${MAVEN_OPTS:-}" ]; then
        MAVEN_OPTS=-XX:+UseSerialGC # two cores compile faster without a collector's threads
        export MAVEN_OPTS
    fi
    if mkdir -p "$HOME/.m2" 2>/dev/null && [ -w "$HOME/.m2" ]; then
        "$MAVEN" -B -ntp "$@" </dev/null
    else
        "$MAVEN" -B -ntp -Dmaven.repo.local="$STATE/m2" "$@" </dev/null
    fi
}

# What the user needs of a failed build: the errors, and where the rest is.
build_failed() {
    printf 'awq4j: the build failed:\n' >&2
    grep -E '^\[ERROR\]|^Error|^Exception' "$1" | grep -vE 'Help 1|-e switch|-X switch|^\[ERROR\] *$|For more information' |
        head -n 15 >&2
    printf 'The whole log is %s\n' "$1" >&2
}

# Older folders go, except the last but one: a program that still runs may read its jars yet.
forget_old_builds() {
    last=
    for old in "$STATE"/app/*; do
        [ "${old##*/}" = "$1" ] && continue
        [ -z "$last" ] || rm -rf "$last"
        last=$old
    done
}

# Lets the program rehearse its start, and keeps the classes as they were then (JEP 483, JEP 514). Runs without, too.
warm_up() {
    begin_progress
    rm -f "$APP/start.aot"
    (export AWQ4J_JAVA_OPTS='-Xlog:aot*=error,cds*=error' && start '' "-XX:AOTCacheOutput=$APP/start.aot" awq4j.cli.Rehearsal) \
        >"$STATE/warm-up.log" 2>&1 </dev/null
    rm -f "$APP/start.aot.config"
    jdk_identity >"$APP/warm"
}

# Says on a terminal, in one line that is written over, what the build in log $1 is at.
begin_progress() {
    if [ -t 2 ]; then
        end_progress
        progress "${1:-}" 9>&- &
        ticker=$!
    elif [ -n "${1:-}" ]; then
        printf 'awq4j: building (the first time takes a minute or two)\n' >&2
    fi
}

progress() {
    seconds=0
    while kill -0 $$ 2>/dev/null; do # the launch may be killed
        at='preparing the start'
        if [ -n "$1" ]; then
            module=$(grep '^\[INFO\] Building awq4j' "$1" 2>/dev/null | tail -n 1)
            module=${module#*Building awq4j }
            at="building ${module%% *}"
        fi
        printf '\r\033[Kawq4j: %s (%d s)' "$at" "$seconds" >&2
        sleep 1
        seconds=$((seconds + 1))
    done
}

end_progress() {
    if [ -n "${ticker:-}" ]; then
        kill "$ticker" 2>/dev/null
        wait "$ticker" 2>/dev/null
        ticker=
        printf '\r\033[K' >&2
    fi
}
