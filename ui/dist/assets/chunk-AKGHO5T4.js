import{D as a}from"./chunk-2K2YFYB2.js";var o="Qs";var r=({children:c})=>a("div",{class:o,children:c});export{r as a};
