package io.levee.ingest;

import java.io.IOException;
import java.io.RandomAccessFile;
import java.nio.file.Path;

/** Where a file's last whole line ends: what a follower that begins at the end has not read. */
final class LastLine {
    private LastLine() {}

    static long end(Path file) throws IOException {
        try (RandomAccessFile in = new RandomAccessFile(file.toFile(), "r")) {
            byte[] block = new byte[1 << 16];
            long to = in.length();
            while (to > 0) {
                int count = (int) Math.min(block.length, to);
                in.seek(to - count);
                in.readFully(block, 0, count);
                int end = RecordEnds.lines(block, 0, count).end();
                if (end > 0) {
                    return to - count + end;
                }
                to -= count;
            }
            return 0;
        }
    }
}
