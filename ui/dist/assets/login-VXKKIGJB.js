import{j as t,m as i}from"./chunk-LOKDERQ3.js";function r(o){return t("main",{id:"main",children:t(i,{children:"Login"})})}export{r as Login};
