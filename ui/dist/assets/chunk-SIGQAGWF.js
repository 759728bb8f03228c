import{D as a}from"./chunk-CJWP7UIN.js";var o="Gs";var r=({children:c})=>a("div",{class:o,children:c});export{r as a};
