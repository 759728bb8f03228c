import{C as a}from"./chunk-GKFNS753.js";var o="Rs";var r=({children:c})=>a("div",{class:o,children:c});export{r as a};
