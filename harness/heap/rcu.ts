/** Grace periods for a Cpu: the checks before the wasm, and what its refusals mean. */
import { isUnsigned } from "./abi.js";
import { refusePointer } from "./arguments.js";
import { type CpuState, checkObject, checkTask } from "./cpu-state.js";
import { hex } from "./errors.js";

/** @throws Error inside a read-side section of this CPU */
export function checkNoReader(state: CpuState, call: string): void {
  const depth = state.calls.rcu_read_lock_held();
  if (depth === 0) return;
  throw new Error(
    `${call}: expected to be called outside read-side sections, got a call ${depth} deep inside; ` +
      "call cpu.rcuReadUnlock() first",
  );
}

/** See `Cpu.rcuReadUnlock()`. */
export function rcuReadUnlock({ calls }: CpuState): void {
  if (calls.rcu_read_lock_held() === 0) {
    throw new Error(
      "cpu.rcuReadUnlock: expected a read-side section of this CPU, got none; " +
        "call cpu.rcuReadLock() first, once for each unlock",
    );
  }
  calls.rcu_read_unlock();
}

/** See `Cpu.synchronizeRcu()`. */
export function synchronizeRcu(state: CpuState, mayWait: boolean): void {
  const call = "cpu.synchronizeRcu";
  checkTask(state, call);
  checkNoReader(state, call);
  if (!mayWait) {
    throw new Error(
      `${call}: expected a CPU that may wait, got one made with mayWait: false; ` +
        "try cpu.kfreeRcu(), which need not wait, or wait on a Worker",
    );
  }
  state.calls.synchronize_rcu();
}

/** See `Cpu.kfreeRcu()`. */
export function kfreeRcu(state: CpuState, pointer: number): void {
  const call = "cpu.kfreeRcu";
  if (!isUnsigned(pointer)) refusePointer(call, pointer);
  checkObject(state, call, pointer);
  if (state.calls.kfree_rcu(pointer) !== 0) return;
  throw new Error(
    `${call}(${hex(pointer)}): expected a page to queue it in, or to be where it can wait ` +
      "instead, got neither; it is still allocated: try again in a plain task, outside " +
      "read-side sections, on a CPU that may wait",
  );
}

/** See `Cpu.rcuBarrier()`. */
export function rcuBarrier(state: CpuState): void {
  const call = "cpu.rcuBarrier";
  checkTask(state, call);
  checkNoReader(state, call);
  if (state.calls.rcu_barrier() !== 0) return;
  throw new Error(
    `${call}: expected a CPU that may wait, or no open read-side sections, got a section that ` +
      "stays open on another CPU; try again later, or on a Worker",
  );
}
