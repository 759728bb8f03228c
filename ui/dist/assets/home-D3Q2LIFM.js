import{j as t,m as i}from"./chunk-LOKDERQ3.js";function m(e){return t("main",{id:"main",children:t(i,{children:"Home"})})}export{m as Home};
