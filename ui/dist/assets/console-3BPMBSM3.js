import{j as t,m as o}from"./chunk-LOKDERQ3.js";function n(i){return t("main",{id:"main",children:t(o,{children:"Console"})})}export{n as Console};
