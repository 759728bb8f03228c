import{j as t,m as i}from"./chunk-LOKDERQ3.js";function r(a){return t("main",{id:"main",children:t(i,{children:"Claim"})})}export{r as Claim};
