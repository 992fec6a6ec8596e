package awq4j.cli;

import awq4j.cli.hub.HubSettings;
import awq4j.cli.hub.ModelName;
import awq4j.cli.hub.Pull;
import awq4j.cli.hub.PullPlan;
import awq4j.cli.hub.RemoteFile;
import java.io.IOException;
import java.nio.file.Path;
import java.time.Duration;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Optional;
import java.util.SequencedMap;
import java.util.concurrent.Callable;
import org.jspecify.annotations.Nullable;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Option;
import picocli.CommandLine.Parameters;

/** {@code awq4j pull}: a model from a hub. */
@Command(
        name = "pull",
        description = {
            "Download a model from the Hugging Face hub, into the cache that Python's huggingface_hub uses, too. Every"
                    + " command then takes ORG/MODEL in place of a folder. An interrupted download is continued by the"
                    + " same command, and every file is checked against the hub's hash.",
            "Without --include only what awq4j can use is fetched: the weights in one format, the configuration, the"
                    + " tokenizer. The result on standard output is the model's folder."
        },
        footerHeading = "%nEnvironment:%n",
        footer = {
            "  HF_TOKEN        token for private and gated models; sent to the hub only",
            "  HF_ENDPOINT     another hub                      (https://huggingface.co)",
            "  HF_HUB_CACHE    another cache                (~/.cache/huggingface/hub)",
            "  HF_HUB_OFFLINE  1: connect to nothing, and only say where the model is",
            "",
            "Examples:",
            "  awq4j pull Qwen/Qwen2.5-0.5B-Instruct",
            "  awq4j pull meta-llama/Llama-3.2-1B --revision main --exclude \"*.md\"",
            "  awq4j pull Qwen/Qwen2.5-0.5B-Instruct-GGUF --include \"*q4_k_m.gguf\""
        })
final class PullCommand implements Callable<Integer> {
    @Mixin
    private CommonOptions common = new CommonOptions();

    @Parameters(paramLabel = "ORG/MODEL", description = "The model's name at the hub.")
    @SuppressWarnings("NullAway.Init") // picocli sets it before call()
    private String model;

    @Option(names = "--revision", paramLabel = "R", description = "Branch, tag or commit (main).")
    private @Nullable String revision;

    @Option(
            names = "--include",
            paramLabel = "GLOB",
            description = "Fetch the files whose path is like GLOB, instead of the usual choice; may be repeated.")
    private List<String> include = List.of();

    @Option(names = "--exclude", paramLabel = "GLOB", description = "Leave such files out; may be repeated.")
    private List<String> exclude = List.of();

    @Option(names = "--endpoint", paramLabel = "URL", description = "Address of the hub.")
    private @Nullable String endpoint;

    @Option(names = "--cache", paramLabel = "DIR", description = "Folder of the cache.")
    private @Nullable Path cache;

    @Override
    public Integer call() throws IOException {
        common.checkJson();
        ModelName name = name();
        HubSettings settings = HubSettings.ofProcess().with(endpoint, cache);
        long start = System.nanoTime();
        if (settings.offline()) {
            Optional<Path> there = settings.cache().find(name).filter(folder -> ModelFolder.isWhole(folder));
            if (there.isPresent()) {
                common.screen().remark("HF_HUB_OFFLINE is set: not asked whether this is the newest state");
                return finish(settings, name, there.get(), new LinkedHashMap<>());
            }
        }
        PullPlan plan;
        try (var watch = new PullProgress(common.screen(), common.interruption())) {
            plan = new Pull(settings, name, watch).run(include, exclude);
        }
        double seconds = (System.nanoTime() - start) / 1e9;
        common.screen().remark(summary(plan, seconds));
        var json = new LinkedHashMap<String, Object>();
        json.put("commit", plan.commit());
        json.put("bytes", plan.bytes());
        json.put("bytesFetched", plan.bytesToFetch());
        json.put("seconds", seconds);
        json.put("files", plan.files());
        json.put("skipped", plan.skipped().stream().map(RemoteFile::path).toList());
        return finish(settings, name, plan.snapshot(), json);
    }

    private ModelName name() {
        if (model.contains("://")) {
            throw common.wrongUsage("give the model's name, ORG/MODEL, not its address; another hub than Hugging Face's"
                    + " is chosen with --endpoint");
        }
        ModelName typed = ModelName.parse(model)
                .orElseThrow(() -> common.wrongUsage("\"" + model
                        + "\" is not a model's name; it should look like ORG/MODEL, for example"
                        + " Qwen/Qwen2.5-0.5B-Instruct"));
        if (revision == null) {
            return typed;
        }
        if (model.contains("@")) {
            throw common.wrongUsage("the revision is given twice: behind @ and with --revision");
        }
        return ModelName.parse(model + "@" + revision)
                .orElseThrow(() ->
                        common.wrongUsage("--revision should be a branch, a tag or a commit, is \"" + revision + "\""));
    }

    private static String summary(PullPlan plan, double seconds) {
        String skipped = plan.skipped().isEmpty()
                ? ""
                : "; left out: " + files(plan.skipped().size()) + " (" + Figures.bytes(plan.bytesSkipped())
                        + ") that awq4j does not need";
        String all = files(plan.files().size()) + ", " + Figures.bytes(plan.bytes()) + ", at commit "
                + plan.commit().substring(0, 12) + skipped;
        return plan.missing().isEmpty()
                ? "nothing is missing: " + all
                : "complete in " + Figures.duration(Duration.ofMillis((long) (1000 * seconds))) + ", all hashes right: "
                        + all;
    }

    static String files(int count) {
        return count + (count == 1 ? " file" : " files");
    }

    private Integer finish(HubSettings settings, ModelName name, Path folder, SequencedMap<String, Object> json)
            throws IOException {
        boolean known = settings.cache().equals(HubSettings.cacheOfProcess());
        common.screen().remark("try: awq4j inspect " + (known ? name : folder));
        common.screen().say(folder.toString());
        json.putFirst("folder", folder.toString());
        json.putFirst("revision", name.revision());
        json.putFirst("model", name.id());
        common.writeJson(json);
        return 0;
    }
}
