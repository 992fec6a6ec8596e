/** PyTorch's checkpoint files, read without Python: mapped, and unpickled by a reader that builds nothing by name. */
package awq4j.format.pickle;
