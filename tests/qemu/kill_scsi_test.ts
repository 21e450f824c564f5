/** The tool killed at each message while a SCSI disk comes or goes. */
import { sweepTests } from "./kill_tests.ts";

sweepTests("SCSI disk");
