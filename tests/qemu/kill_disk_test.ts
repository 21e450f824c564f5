/** The tool killed at each message while a disk comes or goes. */
import { sweepTests } from "./kill_tests.ts";

sweepTests("disk");
