/** The tool killed at each message while a NIC comes or goes. */
import { sweepTests } from "./kill_tests.ts";

sweepTests("NIC, mode none");
sweepTests("NIC on a bridge");
