/**
 * The sheaves of one CPU and cache: `main`, full ones below it, and empty ones.
 *
 * ```
 *   top -> main --link--> full --link--> full         spare --link--> empty
 *          ^ popped and pushed           ^ the first that goes to the barn comes from here
 * ```
 * A stack in segments: a `main` that is empty goes to the empty ones, and what lies below it comes
 * up; one that is full is covered by an empty one. So a CPU that frees what it allocated, however
 * deep, meets neither the barn's lock nor another CPU's objects, as long as it holds no more than
 * KmemCache.pcs_full full ones. Kernel: 7.0 has room for one, `spare`, which is full or empty.
 *
 * A sheaf is in its new place before it leaves the old one, or in `sheaf_in_hand` meanwhile: at
 * each store, what a CPU that dies leaves is in one of its places, or in the hand and in one.
 * What is in hand has no link that counts: it may lead to where it came from, or where it goes.
 */
import { KmemCacheCpu } from "../base/layout";
import { Sheaf } from "../base/layout_sheaf";
import { forget_main, set_main, write_main_size } from "./sheaf";

/** @returns the first sheaf below `main`, which has objects, or 0. Context: the section of `c`. */
export function below_main(c: KmemCacheCpu): usize {
  const main = <usize>c.main;
  return main === 0 ? 0 : <usize>changetype<Sheaf>(main).link;
}

/** @returns how many sheaves lie below `main`. Context: the section of `c`. */
export function stack_depth(c: KmemCacheCpu): u32 {
  const main = <usize>c.main;
  return main === 0 ? 0 : changetype<Sheaf>(main).depth;
}

/** Put a sheaf in hand, which has objects, below `main`, or in its place if there is none. */
export function push_below(c: KmemCacheCpu, sheaf: usize): void {
  const s = changetype<Sheaf>(sheaf);
  if (c.main === 0) {
    s.link = 0;
    s.depth = 0;
    set_main(c, s);
  } else {
    const main = changetype<Sheaf>(<usize>c.main);
    s.link = main.link;
    s.depth = main.depth;
    main.link = <u32>sheaf;
    main.depth = main.depth + 1;
  }
  c.sheaf_in_hand = 0;
}

/** Take the first sheaf below `main` in hand. @returns it, or 0: there is none. */
export function pop_below(c: KmemCacheCpu): usize {
  const sheaf = below_main(c);
  if (sheaf === 0) return 0;
  const main = changetype<Sheaf>(<usize>c.main);
  const s = changetype<Sheaf>(sheaf);
  c.sheaf_in_hand = <u32>sheaf;
  main.link = s.link;
  main.depth = s.depth;
  s.link = 0;
  s.depth = 0;
  return sheaf;
}

/** Put a sheaf in hand, which is empty, to the others. */
export function push_spare(c: KmemCacheCpu, sheaf: usize): void {
  const s = changetype<Sheaf>(sheaf);
  s.link = c.spare;
  s.depth = 0;
  c.spare = <u32>sheaf;
  c.sheaf_in_hand = 0;
}

/** Take an empty sheaf in hand. @returns it, or 0: there is none. */
export function pop_spare(c: KmemCacheCpu): usize {
  const sheaf = <usize>c.spare;
  if (sheaf === 0) return 0;
  c.sheaf_in_hand = <u32>sheaf;
  c.spare = changetype<Sheaf>(sheaf).link;
  changetype<Sheaf>(sheaf).link = 0;
  return sheaf;
}

/** Let a sheaf in hand be `main`, above what was. Context: `main` has objects, or is none. */
export function cover_main(c: KmemCacheCpu, sheaf: usize): void {
  const s = changetype<Sheaf>(sheaf);
  write_main_size(c);
  s.depth = c.main === 0 ? 0 : <u16>(stack_depth(c) + 1);
  s.link = c.main;
  set_main(c, s);
  c.sheaf_in_hand = 0;
}

/** Let what lies below an empty `main` be `main`. Context: there is something. */
export function uncover_main(c: KmemCacheCpu): void {
  const empty = <usize>c.main;
  write_main_size(c);
  c.sheaf_in_hand = <u32>empty;
  set_main(c, changetype<Sheaf>(<usize>changetype<Sheaf>(empty).link));
  push_spare(c, empty);
}

/** Take any sheaf in hand, `main` after what lies below it. @returns it, or 0: none is left. */
export function pop_any(c: KmemCacheCpu): usize {
  const below = pop_below(c);
  if (below !== 0) return below;
  const main = <usize>c.main;
  if (main === 0) return pop_spare(c);
  write_main_size(c);
  c.sheaf_in_hand = <u32>main;
  forget_main(c);
  return main;
}
