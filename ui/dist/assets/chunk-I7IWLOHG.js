import{D as a}from"./chunk-4R7GEK4Y.js";var o="Ds";var r=({children:c})=>a("div",{class:o,children:c});export{r as a};
