package io.levee.internal.memory;

import java.lang.management.ManagementFactory;
import javax.management.JMException;
import javax.management.MBeanServer;
import javax.management.ObjectName;

/**
 * Has the C library give free memory back to the system: it keeps what a heavy query freed for hours otherwise (guarantee G42). The JVM
 * offers that as a diagnostic command from 17.0.9 and 21.0.1 on, on Linux with glibc. Thread-safe.
 */
public final class NativeHeap {
    private static final String COMMAND = "systemTrimNativeHeap";

    private NativeHeap() {}

    /** Whether this JVM can. */
    public static boolean canTrim() {
        try {
            MBeanServer server = ManagementFactory.getPlatformMBeanServer();
            for (var operation : server.getMBeanInfo(commands()).getOperations()) {
                if (operation.getName().equals(COMMAND)) {
                    return true;
                }
            }
        } catch (JMException e) {
            System.getLogger("io.levee.memory").log(System.Logger.Level.DEBUG, "diagnostic commands", e);
        }
        return false;
    }

    /** Trims; takes milliseconds. Returns whether it could. */
    public static boolean trim() {
        try {
            ManagementFactory.getPlatformMBeanServer().invoke(commands(), COMMAND, null, null);
            return true;
        } catch (JMException | RuntimeException e) {
            System.getLogger("io.levee.memory").log(System.Logger.Level.DEBUG, "the native heap is not trimmed", e);
            return false;
        }
    }

    private static ObjectName commands() throws JMException {
        return new ObjectName("com.sun.management:type=DiagnosticCommand");
    }
}
