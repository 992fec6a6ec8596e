/** The program awq4j. */
module awq4j.cli {
    requires awq4j.core;
    requires awq4j.demo;
    requires awq4j.eval;
    requires info.picocli;
    requires java.net.http;
    requires jdk.management;
    requires tools.jackson.databind;
    requires org.jline;
    requires me.tongfei.progressbar;
    requires static org.jspecify;

    opens awq4j.cli to
            info.picocli,
            tools.jackson.databind;
}
