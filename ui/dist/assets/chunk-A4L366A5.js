import{D as a}from"./chunk-2A6E5TSB.js";var o="Vs";var r=({children:c})=>a("div",{class:o,children:c});export{r as a};
