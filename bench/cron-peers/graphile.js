// graphile-worker's cron: schedules due each minute, and `L microseconds` from each minute to its job.
import { Logger, run } from "graphile-worker";
import { late, seconds } from "./late.js";

const schedules = Array.from({ length: Number(process.argv[2]) }, (_, n) => `* * * * * tick ?id=s${n} {n:${n}}`);
const logger = new Logger(() => (level, message) => level === "error" && console.error(message));
const preset = { worker: { connectionString: process.env.DATABASE_URL, logger, concurrentJobs: 24, maxPoolSize: 25 } };
const runner = await run({ preset, crontab: schedules.join("\n"), taskList: { tick: late }, noHandleSignals: true });
await seconds(60 * Number(process.argv[3]));
await runner.stop();
process.exit(0);
