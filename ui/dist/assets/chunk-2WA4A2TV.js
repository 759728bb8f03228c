import{D as a}from"./chunk-E563XTTI.js";var o="Gs";var r=({children:c})=>a("div",{class:o,children:c});export{r as a};
