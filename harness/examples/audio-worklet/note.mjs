/** A note in shared memory: frequency in Hz, start and length in seconds; three floats. */
export const NOTE_BYTES = 12;
