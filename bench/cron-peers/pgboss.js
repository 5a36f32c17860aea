// pg-boss' cron: schedules due each minute, and `L microseconds` from each minute to its job. With TUNED=1 it looks every second.
import { PgBoss } from "pg-boss";
import { late, seconds } from "./late.js";

const tuned = process.env.TUNED ? { cronMonitorIntervalSeconds: 1, cronWorkerIntervalSeconds: 1 } : {};
const boss = new PgBoss({ connectionString: process.env.DATABASE_URL, ...tuned });
boss.on("error", (error) => console.error(error));
await boss.start();
await boss.createQueue("tick");
for (let n = 0; n < Number(process.argv[2]); n++) await boss.schedule("tick", "* * * * *", { n }, { key: `s${n}` });
await boss.work("tick", { batchSize: 100, pollingIntervalSeconds: 0.5 }, async (jobs) => jobs.forEach(late));
await seconds(60 * Number(process.argv[3]));
process.exit(0);
