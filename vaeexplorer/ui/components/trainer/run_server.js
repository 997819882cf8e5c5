// The app's routes of one run, each as one function.

import { address, ask, askJson } from "./ask.js";

/** The routes of the run `name` below the app's root (a URL ending in "/"). */
export function createRunServer(root, name) {
  const url = (route, query) => address(root, route, { name, ...query });
  return {
    state: (since) => askJson(url("run", { since }), "This run"),
    async originals() {
      return (await ask(url("run/originals"), "The held-out images")).arrayBuffer();
    },
    /** A snapshot by its step, or "now" with the version that is wanted. */
    async snapshot(step, version = "") {
      return (await ask(url("run/snapshot", { step, v: version }), "This snapshot")).arrayBuffer();
    },
    /** Order the worker; `pace` undefined leaves the speed as it is.   Returns: the run's status. */
    async order(wish, pace) {
      const body = JSON.stringify(pace === undefined ? { wish } : { wish, pace });
      const headers = { "Content-Type": "application/json" };
      return (await askJson(url("run/order"), "The order", { method: "POST", headers, body })).status;
    },
  };
}
