import{D as a}from"./chunk-7S62OSHP.js";var o="Vs";var r=({children:c})=>a("div",{class:o,children:c});export{r as a};
