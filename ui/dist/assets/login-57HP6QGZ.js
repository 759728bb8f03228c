import{a,b,c}from"./chunk-KJMOJKSY.js";import"./chunk-FL47RXZ6.js";import"./chunk-FHI6TNLX.js";export{b as Front,a as Language,c as Login};
