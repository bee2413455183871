/** What a campaign and its processes say to each other. */
import type { SiteTable } from "../machine/instrument/sites.js";
import type { BuildOptions } from "./builder.js";
import type { HuntResult } from "./hunter.js";

/** A build, ready for the hunters of its target. */
export interface Build {
  readonly bytes: Uint8Array;
  /** Of the target `model`, which is instrumented: its accesses. */
  readonly table: SiteTable | null;
}

export interface BuildOrder extends BuildOptions {
  readonly type: "build";
}

export interface HuntOrder {
  readonly type: "hunt";
  /** Name of the hunter. */
  readonly hunter: string;
  readonly prey: {
    readonly name: string;
    readonly target: string;
    readonly bytes: Uint8Array;
    readonly table: SiteTable | null;
    readonly tests: readonly string[];
    readonly shapes: readonly string[];
  };
  readonly budgetMs: number;
  readonly seed: number;
}

export type Order = BuildOrder | HuntOrder;

/** The answer to an order; processes do one thing at a time. */
export type Answer =
  | ({ readonly type: "built" } & Build)
  | { readonly type: "hunted"; readonly result: HuntResult }
  | { readonly type: "failed"; readonly message: string };
