/** The layout of the report of cpu_reap(), as inspect/fields.ts has that of the heap. */
import { ReapReport } from "../base/layout_reap";

export const reap_report$locks: u32 = <u32>offsetof<ReapReport>("locks") | (4 << 16);
export const reap_report$slabs: u32 = <u32>offsetof<ReapReport>("slabs") | (4 << 16);
export const reap_report$pages: u32 = <u32>offsetof<ReapReport>("pages") | (4 << 16);
export const reap_report$objects: u32 = <u32>offsetof<ReapReport>("objects") | (4 << 16);
export const reap_report$freelists: u32 = <u32>offsetof<ReapReport>("freelists") | (4 << 16);
export const reap_report$rcu_pages: u32 = <u32>offsetof<ReapReport>("rcu_pages") | (4 << 16);
export const reap_report$charges: u32 = <u32>offsetof<ReapReport>("charges") | (4 << 16);
export const reap_report$lost: u32 = <u32>offsetof<ReapReport>("lost") | (4 << 16);
export const reap_report$tracked: u32 = <u32>offsetof<ReapReport>("tracked") | (4 << 16);
