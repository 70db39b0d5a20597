// <rollout-group>: the siblings of a group, walked by keyboard.

import "./walk.js";
