/** Quantization with AWQ and inference at 4 bits, in Java. */
module awq4j.core {
    requires static jdk.incubator.vector; // absent at run time unless --add-modules names it: then scalar kernels run
    requires static transitive org.jspecify;
    requires transitive tools.jackson.databind;
    requires ai.djl.tokenizers;
    requires java.management;

    exports awq4j.tensor;
    exports awq4j.weight;
    exports awq4j.format;
    exports awq4j.format.awq;
    exports awq4j.format.compressed;
    exports awq4j.format.gguf;
    exports awq4j.format.gptq;
    exports awq4j.format.packed;
    exports awq4j.format.pickle;
    exports awq4j.format.safetensors;
    exports awq4j.format.tinychat;
    exports awq4j.kernel;
    exports awq4j.kernel.scalar;
    exports awq4j.kernel.vector;
    exports awq4j.cache;
    exports awq4j.tokenizer;
    exports awq4j.chat;
    exports awq4j.chat.jinja;
    exports awq4j.model;
    exports awq4j.model.family;
    exports awq4j;
    exports awq4j.quant;
    exports awq4j.quant.calibration;
    exports awq4j.quant.checkpoint;
    exports awq4j.runtime;
}
