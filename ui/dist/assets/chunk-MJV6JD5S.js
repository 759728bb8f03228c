import{D as a}from"./chunk-33JYLQR5.js";var o="Ds";var r=({children:c})=>a("div",{class:o,children:c});export{r as a};
