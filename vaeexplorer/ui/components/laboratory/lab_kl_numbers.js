// The KL between one Gaussian q and a target of two humps, both ways round, by the trapezoid rule. No DOM.

const NODES = 1201, REACH = 10;         // as in the demonstration's own quadrature
const LOG_ROOT = 0.5 * Math.log(2 * Math.PI);

/** log N(x; mean, std^2). */
export const logNormal = (x, mean, std) => -0.5 * ((x - mean) / std) ** 2 - Math.log(std) - LOG_ROOT;

/** log of the target at x. Args: target { humps: [left, right], weights }, of width 1 each. */
export function logTarget(x, { humps, weights }) {
  const parts = humps.map((hump, k) => Math.log(weights[k]) + logNormal(x, hump, 1)), top = Math.max(...parts);
  return top + Math.log(parts.reduce((sum, part) => sum + Math.exp(part - top), 0));
}

function integral(low, high, of) {
  const step = (high - low) / (NODES - 1);
  let sum = 0;
  for (let i = 0; i < NODES; i++) sum += of(low + i * step);
  return sum * step;
}

/** Nats. Args: q { mean, std }; target; direction "q_p" for KL(q || p), "p_q" for KL(p || q). */
export function kl({ mean, std }, target, direction) {
  if (direction === "q_p") {
    return integral(mean - REACH * std, mean + REACH * std, (x) => {
      const log = logNormal(x, mean, std);
      return Math.exp(log) * (log - logTarget(x, target));
    });
  }
  return integral(target.humps[0] - REACH, target.humps[1] + REACH, (x) => {
    const log = logTarget(x, target);
    return Math.exp(log) * (log - logNormal(x, mean, std));
  });
}

/** What a place adds to a KL, for a unit of x: density times log-ratio. */
export function costAt(x, { mean, std }, target, direction) {
  const [q, p] = [logNormal(x, mean, std), logTarget(x, target)];
  return direction === "q_p" ? Math.exp(q) * (q - p) : Math.exp(p) * (p - q);
}
