import{D as a}from"./chunk-PAJ7FXTC.js";var o="Ds";var r=({children:c})=>a("div",{class:o,children:c});export{r as a};
