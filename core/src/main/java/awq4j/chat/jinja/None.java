package awq4j.chat.jinja;

/** Python's None. */
enum None {
    NONE
}
