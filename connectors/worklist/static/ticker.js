// A page in the background is woken once a minute only; a worker keeps time.
"use strict";
setInterval(() => { postMessage(null); }, 3000);
