// Which key does what on a desk. Each can be given another key, and all single keys can be switched off; both are kept
// in this browser. A letter that names a response wins over a command; Shift and the letter is then the command.

import { remember } from "./preferences.js";

const KEPT = "labeling-keys";
const SWITCH = "single-keys"; // the switch of all pages

const LETTERS = [..."abcdefghi"];
const DIGITS = [..."1234567890"];

// Name, words, key; by where they count. Keys of one place differ, and those of "pair" and "command" do as well.
export const ACTIONS = {
  pair: [
    ["left_clearly", "A is clearly better", "1"], ["left_slightly", "A is slightly better", "2"], ["tie", "Tie", "3"],
    ["right_slightly", "B is slightly better", "4"], ["right_clearly", "B is clearly better", "5"],
    ["both_good", "Both good", "9"], ["both_bad", "Both bad", "0"],
  ],
  command: [
    ["skip", "Skip", "s"], ["flag", "Flag", "f"], ["undo", "Undo the last submit", "u"],
    ["difference", "Compare two responses", "d"], ["guidelines", "Guidelines", "g"], ["fold", "Fold long responses", "["],
    ["unfold", "Unfold long responses", "]"],
  ],
  cards: [
    ...LETTERS.map((letter) => [`card_${letter}`, `Response ${letter.toUpperCase()}`, letter]),
    ...DIGITS.map((digit) => [`digit_${digit}`, digit === "0" ? "0 or 10 points; no step" : `Rank, points or step ${digit}`, digit]),
  ],
};

const DEFAULTS = Object.fromEntries(Object.values(ACTIONS).flat().map(([name, , key]) => [name, key]));
const PLACE_OF = Object.fromEntries(Object.entries(ACTIONS).flatMap(([place, all]) => all.map(([name]) => [name, place])));

export function keysNow() {
  try {
    return { ...DEFAULTS, ...JSON.parse(localStorage.getItem(KEPT)) };
  } catch {
    return { ...DEFAULTS };
  }
}

export function singleKeysAreOn() {
  return localStorage.getItem(SWITCH) !== "off";
}

export function switchSingleKeys(on) {
  remember(SWITCH, on ? "on" : "off");
}

export function resetKeys() {
  localStorage.removeItem(KEPT);
}

// Gives an action another key; returns the words of the action that has it already, and then changes nothing.
export function giveKey(action, key) {
  const keys = keysNow();
  const taken = Object.keys(keys).find((other) => other !== action && keys[other] === key && meet(action, other));
  if (taken) return wordsOf(taken);
  keys[action] = key;
  const changed = Object.entries(keys).filter(([name, value]) => value !== DEFAULTS[name]);
  remember(KEPT, JSON.stringify(Object.fromEntries(changed)));
  return "";
}

export function wordsOf(action) {
  return ACTIONS[PLACE_OF[action]].find(([name]) => name === action)[1];
}

// A key alone, Shift aside, as it is compared and kept: lower case; "" where it is none. AltGr is no modifier: on many
// keyboards it is the way to brackets.
export function singleKey(event) {
  const altGraph = event.getModifierState("AltGraph");
  if (event.metaKey || (!altGraph && (event.ctrlKey || event.altKey))) return "";
  return [...event.key].length === 1 && event.key !== " " ? event.key.toLowerCase() : "";
}

// Actions that a key may mean, the first that applies is meant. `mode` as in <label-form>.
export function meanings(event, mode) {
  const key = singleKey(event);
  if (!key || !singleKeysAreOn()) return [];
  const keys = keysNow();
  const places = mode === "pairwise" ? ["pair", "command"] : mode ? ["cards", "command"] : ["command"];
  const isShifted = event.shiftKey && key !== key.toUpperCase();
  return (isShifted ? ["command"] : places).flatMap((place) => ACTIONS[place].map(([name]) => name))
    .filter((name) => keys[name] === key);
}

export function isTyping(target) {
  return target.closest("input:not([type=radio], [type=checkbox]), textarea, select, [contenteditable]") !== null;
}

function meet(one, other) {
  const isCard = (action) => PLACE_OF[action] === "cards";
  return isCard(one) === isCard(other);
}
