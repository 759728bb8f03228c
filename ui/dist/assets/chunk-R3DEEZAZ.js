import{D as a}from"./chunk-TN7KRQJQ.js";var o="Qs";var r=({children:c})=>a("div",{class:o,children:c});export{r as a};
