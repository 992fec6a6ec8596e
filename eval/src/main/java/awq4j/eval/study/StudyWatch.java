package awq4j.eval.study;

import java.util.Map;

/** Watches a study, and ends it by throwing. */
public interface StudyWatch {
    /** Does not watch. */
    StudyWatch NONE = new StudyWatch() {
        @Override
        public void point(int index, int count, Map<String, String> labels) {}

        @Override
        public void kept(int finished, int count) {}

        @Override
        public void step(String what, long done, long all) {}
    };

    /** A point begins. */
    void point(int index, int count, Map<String, String> labels);

    /** So many points are finished, those of an earlier run included. */
    void kept(int finished, int count);

    /** How far a part of the point is. */
    void step(String what, long done, long all);
}
