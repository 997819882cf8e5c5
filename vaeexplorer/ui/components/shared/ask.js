// Asking the app's own HTTP routes. A failure is an Error whose message is one line for a person; its `status` is the
// answer's, 0 where there was none.

/** A route's address below the app's root (a URL ending in "/"). */
export function address(root, route, query = {}) {
  const url = new URL(`vaex/${route}`, root);
  for (const [name, value] of Object.entries(query)) url.searchParams.set(name, value);
  return url;
}

const failure = (message, status) => Object.assign(new Error(message), { status });

/** Ask a route, or take the answer to an earlier request; `what` names the thing in an error message. */
export async function ask(url, what, options, early = null) {
  let answer;
  try {
    answer = await (early ?? fetch(url, options));
  } catch {
    throw failure(`${what}: the app did not answer. Is it still running?`, 0);
  }
  if (answer.ok) return answer;
  const text = await answer.text();
  let line = `the app answered ${answer.status}`;
  try {
    line = JSON.parse(text).error ?? line;
  } catch {
    // Not JSON: the status is all there is to say.
  }
  throw failure(`${what}: ${line}`, answer.status);
}

export async function askJson(url, what, options) {
  const answer = await ask(url, what, options);
  try {
    return await answer.json();
  } catch {
    throw new Error(`${what}: the app's answer could not be read.`);
  }
}
