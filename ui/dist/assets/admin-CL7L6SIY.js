import{j as t,m as i}from"./chunk-LOKDERQ3.js";function r(m){return t("main",{id:"main",children:t(i,{children:"Admin"})})}export{r as Admin};
