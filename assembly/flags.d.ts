/**
 * The compile-time flags that a target of asconfig.json may set with `use`, declared for editors.
 *
 * asc never reads this file: to it a flag exists or does not, which is what
 * `isDefined(SLUB_STATS)` asks; the branch of an absent flag is not compiled at all.
 */

/** Keep every counter of `enum stat_item` (targets `stats`, `bench-stats` and `debug`). */
declare const SLUB_STATS: i32;

/** Compile the F, Z, P, U and T checks and the internal asserts (target `debug`). */
declare const SLUB_DEBUG: i32;

/** Tell the host of every trace point (target `trace`). */
declare const SLUB_TRACE: i32;

/** Compile in encoded free pointers (targets `hardened`, `debug`, `trace`). */
declare const SLUB_HARDENED: i32;

/** Make every this_cpu operation one indivisible atomic step (target `model`). */
declare const SLUB_MODEL: i32;

/** Bind malloc and free of the loads to imports (target `loads`). */
declare const LOAD_IMPORTS: i32;

/** Sheaves are the per-CPU layer. */
declare const SLUB_SHEAVES: i32;

/** The heap says which per-CPU layer it has. */
declare const SLUB_PERCPU_OPTION: i32;
