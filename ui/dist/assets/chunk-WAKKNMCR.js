import{D as a}from"./chunk-72XZ27AA.js";var o="Gs";var r=({children:c})=>a("div",{class:o,children:c});export{r as a};
