/**
 * The packages that heaps of others come out of, pinned by version and hash.
 *
 * They are no dependencies: one is large, the other says it is for another kind of machine, and
 * who only uses the library needs neither.
 */

export interface PeerPackage {
  readonly name: string;
  readonly version: string;
  /** Of the tarball, as npm writes it in a lock file. */
  readonly integrity: string;
  /** What is used of it, by its path in the tarball. */
  readonly file: string;
  /** Bytes of the tarball, to say what fetching it means. */
  readonly bytes: number;
}

/** By the heap's name; one that is not here needs none. */
export const PEER_PACKAGES: Readonly<Record<string, PeerPackage>> = {
  mimalloc: {
    name: "wasm-vips",
    version: "0.0.19",
    integrity:
      "sha512-KeejYs8oNqPUd2C/XPRhQtRabydqOSkUyCdWhFf2" +
      "ucL8rVKqHvtp5ZYuYLyeDG/4y45tvROST3mQWla+1uotSA==",
    file: "package/lib/vips.wasm",
    bytes: 4_693_147,
  },
  dlmalloc: {
    name: "@node-rs/crc32-wasm32-wasi",
    version: "1.10.6",
    integrity:
      "sha512-KaejdLgHMPsRaxnM+OG9L9XdWL2TabNx80HLdsCO" +
      "oX9BVhEkfh39OeahBo8lBmidylKbLGMQoGfIKDjq0YMStw==",
    file: "package/crc32.wasm32-wasi.wasm",
    bytes: 67_559,
  },
};
