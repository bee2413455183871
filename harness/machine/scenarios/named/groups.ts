/** Memory control groups. */
import { NMI_ONCE, type NamedScenario, PAIR_ONCE, PAIR, scenario } from "./budgets.js";

const GROUP = ".memcg_create:grp:9.9.memcg_set:s9:1.";
const SMALL = ".memcg_create:grp:2.9.memcg_set:s9:1.";
const TWO = ".memcg_create:two:9.8";

export const GROUPS: readonly NamedScenario[] = [
  scenario(
    "memcg",
    "an NMI before every access of charged kmallocs, up to the limit of their group",
    `irq-work/setup:${SMALL}/task:a0A1a2A3a5f0F1a3f2f3/nmi:A4F4`,
    NMI_ONCE,
    2048,
  ),
  scenario(
    "memcg-stock",
    "an NMI before every access of the stock: small objects, and another group",
    `irq-work/setup:${TWO}${GROUP}/task:a0.memcg_set:s8:1.a1.memcg_set:s9:1.a2` +
      ".kmalloc_bulk:64:2:3:1024.7.kfree_bulk:3:1024.f0f1f2/nmi:A4F4",
    NMI_ONCE,
    64,
  ),
  scenario(
    "memcg-rt",
    "the same where nobody interrupts a stock",
    `irq-work/rt/setup:${GROUP}/task:a0a1f0f1/nmi:A4F4`,
    NMI_ONCE,
    64,
  ),
  scenario(
    "memcg-cache",
    "an NMI before every access of a cache that charges, single and bulk, up to the limit",
    "irq-work/account/setup:.memcg_create:grp:16.9.memcg_set:s9:1./task:B0c4B5U0C3x4X3/nmi:C8X8",
    NMI_ONCE,
  ),
  scenario(
    "memcg-large",
    "an NMI before every access of whole pages that are charged",
    `irq-work/setup:${GROUP}/task:.kmalloc:9000:2.0.kmalloc:90000:2.1.kfree:s0./nmi:A4F4`,
    NMI_ONCE,
    64,
  ),
  scenario(
    "memcg-life",
    "an NMI before every access from a group's creation to its end",
    "irq-work/task:.memcg_create:grp:2.9.memcg_set:s9:1.a0f0.memcg_create:grp:9.8.memcg_set:0:0." +
      ".memcg_destroy:s9:1..memcg_set:s9:1./nmi:K4F4",
    NMI_ONCE,
    64,
  ),
  scenario(
    "memcg-pair",
    "two CPUs charge one group, up to its limit, and free each other's objects",
    `irq-work/setup:${SMALL}a0/setup1:.memcg_set:s9:1.a1/task:a2f1/task:a3f0`,
    PAIR_ONCE,
    2048,
  ),
  scenario(
    "memcg-destroy-pair",
    "a group is removed while another CPU discharges its last object",
    `irq-work/setup:${GROUP}a0.memcg_set:0:0./task:.memcg_destroy:s9:1./task:f0`,
    PAIR,
    64,
  ),
];
