// The course of gates: walls with an opening for each number of the code, and the ways of codes through it.

import { count } from "./scales.js";

const LEFT = 8, RIGHT = 10, TOP = 6, FOOT = 40;
const REACH = 2.9;              // largest value of a number of the code that is shown, and the least is minus this
const WALL = 0.16;              // width of a wall, in gates

/** Places: x(k) of gate k (0 is the start), y(value) of a number of the code. */
function layOut({ width, height }, gates) {
  const room = { width: width - LEFT - RIGHT, height: height - TOP - FOOT };
  const step = room.width / (gates + 0.6);
  return {
    step, top: TOP, bottom: TOP + room.height,
    x: (k) => LEFT + k * step,
    y: (value) => TOP + room.height * (0.5 - Math.max(-1, Math.min(1, value / REACH)) / 2),
  };
}

function drawWalls(context, data, part, colours, place) {
  const now = data.at(-1), [low, high] = now.gate, wide = Math.max(2, place.step * WALL);
  for (let k = 1; k <= now.last; k++) {
    const left = place.x(k) - wide / 2;
    context.globalAlpha = k <= now.k ? 0.5 : 0.2;
    context.fillStyle = colours.quiet;
    context.fillRect(left, place.top, wide, place.y(high) - place.top);
    context.fillRect(left, place.y(low), wide, place.bottom - place.y(low));
    context.fillStyle = colours.decoder;
    context.globalAlpha *= 0.6;
    context.fillRect(left, place.y(high), wide, place.y(low) - place.y(high));
  }
  context.globalAlpha = 1;
}

/** A smooth way from one gate to the next, or a part of it. */
function way(context, place, k, from, to, part) {
  const x0 = place.x(k - 1), x1 = place.x(k), y0 = place.y(from), y1 = place.y(to);
  const u = part, x = x0 + (x1 - x0) * u, ease = u * u * (3 - 2 * u), y = y0 + (y1 - y0) * ease;
  context.moveTo(x0, y0);
  if (u < 1) context.quadraticCurveTo((x0 + x) / 2, y0, x, y);
  else context.bezierCurveTo((x0 + x1) / 2, y0, (x0 + x1) / 2, y1, x1, y1);
  return [x, y];
}

function dot(context, x, y, radius) {
  context.beginPath();
  context.arc(x, y, radius, 0, 2 * Math.PI);
  context.fill();
}

/** Where each code is at a gate: index -> value. */
const places = (one) => new Map(one.ways);

/** The ways of random codes; those that meet a wall end there. */
function drawRandom(context, data, part, colours, place) {
  const ends = [], heads = [];
  context.strokeStyle = colours.z;
  data.forEach((one, i) => {
    const before = i ? places(data[i - 1]) : null, [low, high] = one.gate, newest = i === data.length - 1;
    const share = newest ? part : 1;
    context.globalAlpha = Math.min(0.9, 0.28 + 6 / one.ways.length);
    context.lineWidth = one.ways.length < 30 ? 1.8 : 1.1;
    context.beginPath();
    for (const [index, value] of one.ways) {
      const at = way(context, place, one.k, before?.get(index) ?? value, value, share);
      if (share < 1) heads.push(at);
      else if (value <= low || value >= high) ends.push(at);
      else if (newest) heads.push(at);
    }
    context.stroke();
  });
  context.globalAlpha = 0.75;
  context.fillStyle = colours.gap;
  for (const [x, y] of ends) dot(context, x, y, 2.2);
  context.globalAlpha = 1;
  context.fillStyle = colours.z;
  for (const [x, y] of heads) dot(context, x, y, 2.8);
}

function drawEncoder(context, data, part, colours, place) {
  context.strokeStyle = context.fillStyle = colours.encoder;
  context.lineWidth = 1.8;
  context.globalAlpha = 0.85;
  const heads = [];
  context.beginPath();
  data.forEach((one, i) => one.encoded.forEach((value, j) => {
    const share = i === data.length - 1 ? part : 1;
    const at = way(context, place, one.k, data[i - 1]?.encoded[j] ?? value, value, share);
    if (i === data.length - 1) heads.push(at);
  }));
  context.stroke();
  context.globalAlpha = 1;
  for (const [x, y] of heads) dot(context, x, y, 3.2);
}

/** Numbers of the gates, and below them how many codes are through. */
function drawNumbers(context, data, colours, place) {
  context.textBaseline = "top";
  context.textAlign = "center";
  const now = data.at(-1);
  let end = -Infinity;
  for (let k = 1; k <= now.last; k++) {
    const one = data[k - 1], x = place.x(k), through = one ? count(one.hits) : "";
    const wide = Math.max(context.measureText(through).width, context.measureText(String(k)).width);
    if (x - wide / 2 < end + 6) continue;
    end = x + wide / 2;
    context.fillStyle = colours.quiet;
    context.fillText(String(k), x, place.bottom + 5);
    context.fillStyle = colours.z;
    context.fillText(through, x, place.bottom + 22);
  }
}

/** Draw all of it. Args: ground of plot.js; data of the moments so far; part of the newest gate that is passed. */
export function drawGates({ context, width, height }, data, part, colours) {
  const place = layOut({ width, height }, data.at(-1).last);
  context.font = `12px ${getComputedStyle(context.canvas).fontFamily}`;
  context.lineCap = "round";
  drawWalls(context, data, part, colours, place);
  drawRandom(context, data, part, colours, place);
  drawEncoder(context, data, part, colours, place);
  drawNumbers(context, data, colours, place);
}
