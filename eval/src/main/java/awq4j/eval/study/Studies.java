package awq4j.eval.study;

import java.util.List;
import java.util.Optional;

/** The studies that there are. */
public final class Studies {
    private static final List<Study> ALL = List.of(
            MethodsStudy.STUDY,
            CalibrationSizeStudy.STUDY,
            DomainShiftStudy.STUDY,
            AdaptiveStudy.STUDY,
            SalientStudy.STUDY,
            ScaleStudy.STUDY,
            GridStudy.STUDY,
            SparsityStudy.STUDY,
            RankStudy.STUDY,
            KvStudy.STUDY,
            ActivationsStudy.STUDY,
            SensitivityStudy.STUDY);

    private Studies() {}

    /** All of them, in the order in which a list shows them. */
    public static List<Study> all() {
        return ALL;
    }

    /** The study of that name. */
    public static Optional<Study> named(String name) {
        return ALL.stream().filter(study -> study.name().equals(name)).findFirst();
    }
}
