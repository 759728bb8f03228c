import{A as e}from"./chunk-ELDI7NRM.js";var r=({code:i})=>e("bdi",{dir:"ltr",class:"join-code",children:[i.slice(0,3)," ",i.slice(3)]});export{r as a};
