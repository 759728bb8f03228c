import{D as a}from"./chunk-HF2YZNQU.js";var o="Vs";var r=({children:c})=>a("div",{class:o,children:c});export{r as a};
