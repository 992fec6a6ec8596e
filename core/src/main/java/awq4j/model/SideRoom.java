package awq4j.model;

import awq4j.kernel.Backend;
import awq4j.kernel.Buffer;
import java.util.HashMap;
import java.util.Map;

/** Room for what runs beside a linear: grown as needed, shared by all linears of a model. */
final class SideRoom {
    private final Backend backend;
    private final Map<Integer, Buffer> narrow = new HashMap<>();
    private final Map<Integer, Buffer> wide = new HashMap<>();

    SideRoom(Backend backend) {
        this.backend = backend;
    }

    /** For the product with the first of two thin matrices. */
    Buffer narrow(int rows, int columns) {
        return room(narrow, rows, columns);
    }

    /** For the product with the second. */
    Buffer wide(int rows, int columns) {
        return room(wide, rows, columns);
    }

    private Buffer room(Map<Integer, Buffer> buffers, int rows, int columns) {
        Buffer known = buffers.get(columns);
        if (known == null || known.rows() < rows) {
            known = backend.allocate(rows, columns);
            buffers.put(columns, known);
        }
        return known.rows() == rows ? known : known.view(rows);
    }
}
