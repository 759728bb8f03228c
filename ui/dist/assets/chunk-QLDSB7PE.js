import{D as a}from"./chunk-YVLHJSMD.js";var o="Vs";var r=({children:c})=>a("div",{class:o,children:c});export{r as a};
