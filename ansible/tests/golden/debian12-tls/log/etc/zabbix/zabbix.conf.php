<?php
// Ansible managed
$DB['TYPE'] = 'MYSQL';
$DB['SERVER'] = 'localhost';
$DB['PORT'] = '0';
$DB['DATABASE'] = 'zabbix';
$DB['USER'] = 'www-data';
$DB['PASSWORD'] = '';
$DB['SCHEMA'] = '';
$DB['ENCRYPTION'] = false;
$DB['DOUBLE_IEEE754'] = true;
$ZBX_SERVER = '198.51.100.11';
$ZBX_SERVER_PORT = '10051';
$ZBX_SERVER_NAME = 'chatlab';
$IMAGE_FORMAT_DEFAULT = IMAGE_FORMAT_PNG;
