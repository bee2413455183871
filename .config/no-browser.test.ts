/** Stands for the browser tests where no browser was found; see browserProject(). */
import { expect, test } from "vitest";

test("a Chromium is there to run the browser tests", () => {
  expect.fail(process.env["SLABLAB_NO_BROWSER"]);
});
